;; Loops for ever in the post-return function.
(func $after-run (param i32)
  (loop $again (br $again)))

;; Traps in the post-return function.
(func $after-run (param i32)
  (unreachable))

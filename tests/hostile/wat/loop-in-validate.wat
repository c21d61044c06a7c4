;; Loops for ever in `validate`.
(func $validate (param i32 i32) (result i32)
  (loop $again (br $again))
  (unreachable))

;; Reports the same step for ever.
(func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (loop $again
    (call $progress (i32.const 2048) (i32.const 2) (i32.const 50))
    (br $again))
  (unreachable))

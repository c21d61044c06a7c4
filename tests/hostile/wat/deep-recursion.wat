;; Recurses until the stack overflows.
(func $deeper (param i64) (result i64)
  (i64.add (local.get 0) (call $deeper (i64.add (local.get 0) (i64.const 1)))))
(func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (drop (call $deeper (i64.const 0)))
  (unreachable))

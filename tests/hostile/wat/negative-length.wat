;; Logs a text whose length is -1.
(func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call $log (i32.const 1) (i32.const 2048) (i32.const -1) (i32.const 0) (i32.const 0))
  (unreachable))

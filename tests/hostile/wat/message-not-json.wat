;; Sends half an object, and fails with the host's failure.
(func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call $deliver (i32.const 0) (i32.const 2048) (i32.const 1) (i32.const 0) (i32.const 3000))
  (i32.const 3000))

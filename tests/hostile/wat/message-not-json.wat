;; Sends half of an object, and fails with what the host says to that.
(func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call $deliver (i32.const 0) (i32.const 2048) (i32.const 1) (i32.const 0) (i32.const 3000))
  (i32.const 3000))

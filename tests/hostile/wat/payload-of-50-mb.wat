;; Sends a message of 50 MB.
(memory 800)
(func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call $deliver (i32.const 0) (i32.const 65536) (i32.const 50000000) (i32.const 0) (i32.const 3000))
  (i32.const 3000))

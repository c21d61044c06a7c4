;; Writes an object under the store and the key that the job names as its original, and fails with what the host says.
(func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call $put (local.get 7) (local.get 8) (local.get 9) (local.get 10) (i32.const 0) (i32.const 0)
    (i32.const 2048) (i32.const 2) (i32.const 3000))
  (i32.const 3000))

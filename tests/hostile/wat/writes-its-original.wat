;; Puts an object under the store and key of the job's original, and fails with the host's failure.
(func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call $put (local.get 7) (local.get 8) (local.get 9) (local.get 10) (i32.const 0) (i32.const 0)
    (i32.const 2048) (i32.const 2) (i32.const 3000))
  (i32.const 3000))

;; Drops a resource that does not exist.
(func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call $release-thing (i32.const 77))
  (i32.const 1024))

;; Traps in a resource's destructor.
(func $drop-thing (param i32)
  (unreachable))
(func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call $release-thing (call $new-thing (i32.const 1)))
  (i32.const 1024))

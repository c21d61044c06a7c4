;; Logs 512 fields whose names and values of one mebibyte share the same memory: 1 GiB out of 2 MiB.
(memory 32)
(func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (local $field i32)
  (local.set $field (i32.const 65536))
  (loop $next
    (i32.store (local.get $field) (i32.const 1048576))
    (i32.store offset=4 (local.get $field) (i32.const 1048576))
    (i32.store offset=8 (local.get $field) (i32.const 1048576))
    (i32.store offset=12 (local.get $field) (i32.const 1048576))
    (local.set $field (i32.add (local.get $field) (i32.const 16)))
    (br_if $next (i32.lt_u (local.get $field) (i32.const 73728))))
  (call $log (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 65536) (i32.const 512))
  (unreachable))

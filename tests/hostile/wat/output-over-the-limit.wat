;; Returns an output of one mebibyte and one byte.
(memory 32)
(func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (i32.store (i32.const 3000) (i32.const 0))
  (i32.store (i32.const 3004) (i32.const 65536))
  (i32.store (i32.const 3008) (i32.const 1048577))
  (i32.const 3000))

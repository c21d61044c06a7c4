;; Puts an object of one mebibyte and one byte.
(memory 32)
(func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call $put (local.get 7) (local.get 8) (local.get 9) (local.get 10) (i32.const 0) (i32.const 0)
    (i32.const 65536) (i32.const 1048577) (i32.const 3000))
  (i32.const 3000))

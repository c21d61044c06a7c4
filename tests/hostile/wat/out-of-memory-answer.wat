;; Returns an output that lies outside of its memory.
(func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (i32.store (i32.const 3000) (i32.const 0))
  (i32.store (i32.const 3004) (i32.const 131072))
  (i32.store (i32.const 3008) (i32.const 16))
  (i32.const 3000))

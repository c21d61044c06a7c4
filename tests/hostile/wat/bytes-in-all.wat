;; Looks up an object with a key of one mebibyte, again and again.
(memory 32)
(func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (loop $again
    (call $head (i32.const 2048) (i32.const 2) (i32.const 65536) (i32.const 1048576) (i32.const 3000))
    (br $again))
  (unreachable))

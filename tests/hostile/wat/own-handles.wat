;; Makes resources of its own and keeps them all.
(func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (loop $again
    (drop (call $new-thing (i32.const 1)))
    (br $again))
  (unreachable))

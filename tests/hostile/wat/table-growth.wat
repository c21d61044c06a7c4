;; Grows a table for ever, ten thousand elements at a time.
(table $grows 1 funcref)
(func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (loop $again
    (drop (table.grow $grows (ref.null func) (i32.const 10000)))
    (br $again))
  (unreachable))

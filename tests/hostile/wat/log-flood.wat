;; Logs terminal escape sequences for ever: clears the screen, sets the title, and forges a line.
(data (i32.const 3000) "\1b[2J\1b]0;owned\07\0d\0aERROR forged line")
(func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (loop $again
    (call $log (i32.const 2) (i32.const 3000) (i32.const 33) (i32.const 0) (i32.const 0))
    (br $again))
  (unreachable))

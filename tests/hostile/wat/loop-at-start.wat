;; Loops for ever in the start function.
(func $spin (loop $again (br $again)))
(start $spin)

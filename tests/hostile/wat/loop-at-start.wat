;; Never ends to be instantiated.
(func $spin (loop $again (br $again)))
(start $spin)

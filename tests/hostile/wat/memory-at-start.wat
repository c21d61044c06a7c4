;; Starts with a memory of 125 MiB.
(memory 2000)

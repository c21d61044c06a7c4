;; Is born with 125 MiB.
(memory 2000)

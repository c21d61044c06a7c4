;; Is born with two memories that are small enough, each for itself.
(memory 640)
(memory 640)

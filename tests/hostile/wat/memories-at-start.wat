;; Has two memories, each of which is within the limit.
(memory 640)
(memory 640)

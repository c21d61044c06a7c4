;; Answers, and calls the host when it may not any more.
(func $after-run (param i32)
  (drop (call $cancelled)))

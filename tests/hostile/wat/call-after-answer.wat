;; Calls the host from the post-return function, where no calls are allowed.
(func $after-run (param i32)
  (drop (call $cancelled)))

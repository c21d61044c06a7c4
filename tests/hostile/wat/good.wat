;; Does nothing wrong, for comparison with the others.

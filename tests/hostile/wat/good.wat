;; Does no harm: what the others are compared with.

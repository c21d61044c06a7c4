;; A whole policy without decisions, into which every guest of this folder is put.
;;
;; A guest defines only the functions that it misuses: $run, $after-run, $validate, $realloc, $drop-thing, or a memory.
;; tests/support/guest.rs adds harmless ones for the rest. The parameters of `run` are the job's fields: 7 to 10 are the
;; store and the key of the original, each a pointer and a length.
(module
  (import "codex:transcode/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))
  (import "codex:transcode/job@0.1.0" "cancelled" (func $cancelled (result i32)))
  (import "codex:transcode/job@0.1.0" "progress" (func $progress (param i32 i32 i32)))
  (import "codex:transcode/storage@0.1.0" "head" (func $head (param i32 i32 i32 i32 i32)))
  (import "codex:transcode/storage@0.1.0" "put" (func $put (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "codex:transcode/webhook@0.1.0" "deliver" (func $deliver (param i32 i32 i32 i32 i32)))
  ;; A resource of the guest's own, to have handles and a destructor without the host.
  (import "[export]hostile:guest/things" "[resource-new]thing" (func $new-thing (param i32) (result i32)))
  (import "[export]hostile:guest/things" "[resource-drop]thing" (func $release-thing (param i32)))

  ;; At 1024 ok({output: "{}"}), at 1100 zeros, at 1200 a message "{}". Memory from 4096 on is free.
  (data (i32.const 1024) "\00\00\00\00\00\08\00\00\02\00\00\00")
  (data (i32.const 1200) "\00\08\00\00\02\00\00\00\00")
  (data (i32.const 2048) "{}")
  (global $next (mut i32) (i32.const 4096))

  (func $nothing (result i32) (i32.const 1100))
  (func (export "codex:transcode/ladder@0.1.0#select") (param i32) (result i32) (call $nothing))
  (func (export "codex:transcode/layout@0.1.0#key-for") (param i32) (result i32) (call $nothing))
  (func (export "codex:transcode/payload@0.1.0#completed") (param i32) (result i32) (i32.const 1200))
  (func (export "codex:transcode/payload@0.1.0#failed") (param i32) (result i32) (i32.const 1200))
  (func (export "codex:transcode/payload@0.1.0#progress") (param i32) (result i32) (call $nothing))
  (func (export "hostile:guest/things#[constructor]thing") (result i32) (call $new-thing (i32.const 1)))

  (export "memory" (memory 0))
  (export "cabi_realloc" (func $realloc))
  (export "codex:transcode/settings@0.1.0#validate" (func $validate))
  (export "codex:transcode/workflow@0.1.0#run" (func $run))
  (export "cabi_post_codex:transcode/workflow@0.1.0#run" (func $after-run))
  (export "hostile:guest/things#[dtor]thing" (func $drop-thing))

  ;; guest
)

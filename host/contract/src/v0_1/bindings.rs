//! Bindings that wasmtime generates from `wit/0.1`.

wasmtime::component::bindgen!({
    path: "../../wit/0.1",
    world: "policy",
    imports: { default: async | trappable },
    exports: { default: async },
    additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
    with: {
        "codex:transcode/media.source": super::Source,
        "codex:transcode/media.transcode": super::Transcode,
    },
});

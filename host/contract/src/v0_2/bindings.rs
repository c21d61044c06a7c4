//! Bindings that wasmtime generates from `wit/0.2`. Records that are as in 0.1 are those of 0.1.

wasmtime::component::bindgen!({
    path: "../../wit/0.2",
    world: "policy",
    imports: { default: async | trappable },
    exports: { default: async },
    additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
    with: {
        "codex:transcode/types": crate::v0_1::types,
        "codex:transcode/outputs": crate::v0_1::media,
        "codex:transcode/reports": crate::v0_1::media,
        "codex:transcode/media.source": crate::v0_1::Source,
        "codex:transcode/media.plan": crate::asked::Plan,
        "codex:transcode/media.transcode": crate::v0_1::Transcode,
    },
});

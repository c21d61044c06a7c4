//! A policy's exports, in whichever version of the contract it was built for.
//!
//! Answers have the types of version 0.1 where both versions have them.

use contract::asset::Asset;
use contract::v0_1::ladder::Refusal;
use contract::v0_1::media::Report;
use contract::v0_1::settings::Problem;
use contract::v0_1::types::{Destination, Failure, Job, MediaInfo, Message};
use contract::v0_1::workflow::Outcome;
use contract::v0_2::convert::encoders_in_0_1;
use contract::v0_2::encoding::{Rendition, VideoEncoder};
use contract::{v0_1, v0_2};
use wasmtime::Store;
use wasmtime::component::{Component, HasSelf, Linker};

use crate::state::State;

/// What the name of an interface of version 0.2 ends with.
const VERSION_0_2: &str = "@0.2.0";

/// A linked component.
#[derive(Clone)]
pub(crate) enum Linked {
    V0_1(v0_1::PolicyPre<State>),
    V0_2(v0_2::PolicyPre<State>),
}

/// Adds the host's interfaces, in every version.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    v0_1::World::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    // One by one: the interfaces of records that it shares with 0.1 are in the linker already.
    v0_2::gpu::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    v0_2::job::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    v0_2::log::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    v0_2::media::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    v0_2::storage::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    v0_2::webhook::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
}

impl Linked {
    /// Links a component, as the version whose interfaces it exports.
    pub fn new(linker: &Linker<State>, component: &Component) -> wasmtime::Result<Self> {
        let pre = linker.instantiate_pre(component)?;
        let is_0_2 = component.component_type().exports(linker.engine()).any(|(name, _)| name.ends_with(VERSION_0_2));
        Ok(if is_0_2 { Self::V0_2(v0_2::PolicyPre::new(pre)?) } else { Self::V0_1(v0_1::PolicyPre::new(pre)?) })
    }

    pub fn engine(&self) -> &wasmtime::Engine {
        match self {
            Self::V0_1(pre) => pre.engine(),
            Self::V0_2(pre) => pre.engine(),
        }
    }

    pub async fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<World> {
        Ok(match self {
            Self::V0_1(pre) => World::V0_1(pre.instantiate_async(store).await?),
            Self::V0_2(pre) => World::V0_2(pre.instantiate_async(store).await?),
        })
    }
}

/// An instance.
pub(crate) enum World {
    V0_1(v0_1::World),
    V0_2(v0_2::World),
}

type Called<T> = wasmtime::Result<T>;

impl World {
    pub async fn validate(&self, store: &mut Store<State>, settings: &str) -> Called<Result<(), Vec<Problem>>> {
        match self {
            Self::V0_1(world) => world.codex_transcode_settings().call_validate(store, settings).await,
            Self::V0_2(world) => {
                let validated = world.codex_transcode_settings().call_validate(store, settings).await?;
                let problem =
                    |v0_2::settings::Problem { field, message }: v0_2::settings::Problem| Problem { field, message };
                Ok(validated.map_err(|problems| problems.into_iter().map(problem).collect()))
            }
        }
    }

    pub async fn select(
        &self,
        store: &mut Store<State>,
        job: &Job,
        info: &MediaInfo,
        encoders: &[VideoEncoder],
        settings: &str,
    ) -> Called<Result<Vec<Rendition>, Refusal>> {
        match self {
            Self::V0_1(world) => {
                let encoders = encoders_in_0_1(encoders);
                let selected = world.codex_transcode_ladder().call_select(store, info, &encoders, settings).await?;
                Ok(selected.map(|renditions| renditions.into_iter().map(Rendition::from).collect()))
            }
            Self::V0_2(world) => {
                let ladder = world.codex_transcode_ladder();
                let selected = ladder.call_select(store, job, info, encoders, settings).await?;
                Ok(selected.map_err(|v0_2::ladder::Refusal { code, message }| Refusal { code, message }))
            }
        }
    }

    /// `None` if the policy makes no such asset.
    pub async fn key_for(
        &self,
        store: &mut Store<State>,
        job: &Job,
        asset: &Asset,
        settings: &str,
    ) -> Called<Option<Destination>> {
        match self {
            Self::V0_1(world) => {
                let Some(asset) = asset.in_0_1() else { return Ok(None) };
                world.codex_transcode_layout().call_key_for(store, job, &asset, settings).await.map(Some)
            }
            Self::V0_2(world) => {
                let Asset { kind, name } = asset.clone();
                let asset = v0_2::layout::Asset { kind, name };
                world.codex_transcode_layout().call_key_for(store, job, &asset, settings).await
            }
        }
    }

    pub async fn completed(
        &self,
        store: &mut Store<State>,
        job: &Job,
        info: &MediaInfo,
        report: &Report,
        settings: &str,
    ) -> Called<Message> {
        match self {
            Self::V0_1(world) => {
                world.codex_transcode_payload().call_completed(store, job, info, report, settings).await
            }
            Self::V0_2(world) => {
                world.codex_transcode_payload().call_completed(store, job, info, report, settings).await
            }
        }
    }

    pub async fn failed(
        &self,
        store: &mut Store<State>,
        job: &Job,
        failure: &Failure,
        settings: &str,
    ) -> Called<Message> {
        match self {
            Self::V0_1(world) => world.codex_transcode_payload().call_failed(store, job, failure, settings).await,
            Self::V0_2(world) => world.codex_transcode_payload().call_failed(store, job, failure, settings).await,
        }
    }

    pub async fn progress(
        &self,
        store: &mut Store<State>,
        job: &Job,
        step: &str,
        percent: u32,
        settings: &str,
    ) -> Called<Option<Message>> {
        match self {
            Self::V0_1(world) => {
                world.codex_transcode_payload().call_progress(store, job, step, percent, settings).await
            }
            Self::V0_2(world) => {
                world.codex_transcode_payload().call_progress(store, job, step, percent, settings).await
            }
        }
    }

    pub async fn run(&self, store: &mut Store<State>, job: &Job) -> Called<Result<Outcome, Failure>> {
        match self {
            Self::V0_1(world) => world.codex_transcode_workflow().call_run(store, job).await,
            Self::V0_2(world) => {
                let ran = world.codex_transcode_workflow().call_run(store, job).await?;
                Ok(ran.map(|v0_2::workflow::Outcome { output }| Outcome { output }))
            }
        }
    }
}

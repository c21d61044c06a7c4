//! Turning a core module into a component.

use anyhow::{Context, Result, bail};
use wit_component::{ComponentEncoder, DecodedWasm};

use crate::names;

/// Makes a component of a module. Fails if the module has an import that no WIT interface describes.
pub fn encode(module: &[u8]) -> Result<Vec<u8>> {
    let module = names::readable(module)?;
    let component = ComponentEncoder::default().validate(true).module(&module)?.encode()?;
    names::without_parts(&component)
}

/// The interfaces that a component imports, such as `package:name/interface@version`.
pub fn imports(component: &[u8]) -> Result<Vec<String>> {
    let DecodedWasm::Component(resolve, world) = wit_component::decode(component).context("cannot be decoded")? else {
        bail!("this is a WIT package and not a component");
    };
    let world = resolve.worlds.get(world).context("the component has no world")?;
    Ok(world.imports.keys().map(|key| resolve.name_world_key(key)).collect())
}

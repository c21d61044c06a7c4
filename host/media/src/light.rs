//! What the first frame of a film in PQ says of its light.

use serde::Deserialize;

use crate::info::{Light, Ratio};

/// What ffprobe is asked of a frame.
pub(crate) const FIELDS: &str = "red_x,red_y,green_x,green_y,blue_x,blue_y,white_point_x,white_point_y,max_luminance,min_luminance,\
max_content,max_average";

/// ffprobe's answer about a frame.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    frames: Vec<Frame>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Frame {
    side_data_list: Vec<SideData>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SideData {
    red_x: String,
    red_y: String,
    green_x: String,
    green_y: String,
    blue_x: String,
    blue_y: String,
    white_point_x: String,
    white_point_y: String,
    max_luminance: String,
    min_luminance: String,
    max_content: Option<u32>,
    max_average: Option<u32>,
}

/// Units of chromaticities in 1, and of luminance in a candela per square metre, as ST 2086 codes them.
const CHROMATICITY: f64 = 50_000.0;
const LUMINANCE: f64 = 10_000.0;

/// What PQ can show at most, in candelas per square metre.
const BRIGHTEST: f64 = 10_000.0;

/// Reads ffprobe's answer. `None` if the frame says nothing, or what no display could be.
pub(crate) fn parse(json: &[u8]) -> Option<Light> {
    let answer: Answer = serde_json::from_slice(json).ok()?;
    let said = answer.frames.into_iter().next()?.side_data_list;
    let display = said.iter().find(|data| !data.max_luminance.is_empty())?;
    let scaled = |text: &str, units: f64, most: f64| {
        // A least luminance of 0 is no fraction for us.
        let value = if text.starts_with("0/") { 0.0 } else { Ratio::parse(text)?.value() };
        (value <= most).then(|| (value * units).round() as u32)
    };
    let point = |x: &str, y: &str| Some([scaled(x, CHROMATICITY, 1.0)?, scaled(y, CHROMATICITY, 1.0)?]);
    let levels = said.iter().find_map(|data| Some([data.max_content?, data.max_average?]));
    Some(Light {
        primaries: [
            point(&display.green_x, &display.green_y)?,
            point(&display.blue_x, &display.blue_y)?,
            point(&display.red_x, &display.red_y)?,
            point(&display.white_point_x, &display.white_point_y)?,
        ],
        luminance: [
            scaled(&display.max_luminance, LUMINANCE, BRIGHTEST)?,
            scaled(&display.min_luminance, LUMINANCE, BRIGHTEST)?,
        ],
        levels: levels.filter(|levels| levels.iter().all(|level| f64::from(*level) <= BRIGHTEST)),
    })
}

impl Light {
    /// As libx265 takes it.
    pub(crate) fn for_x265(self) -> String {
        let [green, blue, red, white] = self.primaries.map(|[x, y]| format!("({x},{y})"));
        let [most, least] = self.luminance;
        let levels = self.levels.map_or(String::new(), |[most, mean]| format!(":max-cll={most},{mean}"));
        format!("hdr10=1:master-display=G{green}B{blue}R{red}WP{white}L({most},{least}){levels}")
    }

    /// As SVT-AV1 takes it.
    pub(crate) fn for_svt(self) -> String {
        let share = |value: u32| f64::from(value) / CHROMATICITY;
        let [green, blue, red, white] = self.primaries.map(|[x, y]| format!("({:.5},{:.5})", share(x), share(y)));
        let [most, least] = self.luminance.map(|value| f64::from(value) / LUMINANCE);
        let levels = self.levels.map_or(String::new(), |[most, mean]| format!(":content-light={most},{mean}"));
        format!("mastering-display=G{green}B{blue}R{red}WP{white}L({most:.4},{least:.4}){levels}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = r#"{"frames": [{"side_data_list": [
        {"side_data_type": "Mastering display metadata", "red_x": "34000/50000", "red_y": "16000/50000",
         "green_x": "13250/50000", "green_y": "34500/50000", "blue_x": "7500/50000", "blue_y": "3000/50000",
         "white_point_x": "15635/50000", "white_point_y": "16450/50000",
         "min_luminance": "1/10000", "max_luminance": "10000000/10000"},
        {"side_data_type": "Content light level metadata", "max_content": 1000, "max_average": 400},
        {"side_data_type": "something else"}]}]}"#;

    #[test]
    fn the_light_of_a_frame_is_read_and_told_to_each_encoder() {
        let light = parse(SAID.as_bytes()).unwrap();
        assert_eq!(
            light.for_x265(),
            "hdr10=1:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"
        );
        assert_eq!(
            light.for_svt(),
            "mastering-display=G(0.26500,0.69000)B(0.15000,0.06000)R(0.68000,0.32000)WP(0.31270,0.32900)\
L(1000.0000,0.0001):content-light=1000,400"
        );
    }

    #[test]
    fn what_no_display_could_be_is_not_believed() {
        for (said, lie) in
            [("34000/50000", "60000/50000"), ("10000000/10000", "2000000000/10000"), ("15635/50000", "x")]
        {
            assert_eq!(parse(SAID.replace(said, lie).as_bytes()), None, "{lie}");
        }
        assert_eq!(parse(b"{}"), None);
        assert_eq!(parse(br#"{"frames": [{}]}"#), None);
        let too_bright = SAID.replace("\"max_content\": 1000", "\"max_content\": 99999");
        assert_eq!(parse(too_bright.as_bytes()).unwrap().levels, None);
        let black = SAID.replace("\"1/10000\"", "\"0/10000\"");
        assert_eq!(parse(black.as_bytes()).unwrap().luminance, [10_000_000, 0]);
    }
}

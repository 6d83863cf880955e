//! The page in its four looks, and what axe-core finds in it.

use std::path::Path;

use serde_json::{Value, json};
use thirtyfour::prelude::*;

use crate::Page;

/// How the page is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// `light` or `dark`, as the system has it.
    pub theme: &'static str,
    /// Pixels.
    pub width: u32,
    pub height: u32,
}

/// Light and dark, wide and narrow.
pub const LOOKS: [Look; 4] = [
    Look { theme: "light", width: 1440, height: 900 },
    Look { theme: "dark", width: 1440, height: 900 },
    Look { theme: "light", width: 400, height: 860 },
    Look { theme: "dark", width: 400, height: 860 },
];

impl Page {
    /// Makes the page's window and system look so, and without motion: what fades in is no fit state to be judged or kept.
    pub async fn look(&self, look: Look) -> WebDriverResult<()> {
        let colours = json!({ "name": "prefers-color-scheme", "value": look.theme });
        let motion = json!({ "name": "prefers-reduced-motion", "value": "reduce" });
        let media = json!({ "features": [colours, motion] });
        self.devtools("Emulation.setEmulatedMedia", media).await?;
        let size = json!({ "width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await?;
        Ok(())
    }

    /// What axe-core finds, a line for each: the rule, and where it is broken.
    pub async fn violations(&self) -> WebDriverResult<Vec<String>> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/npm/node_modules/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("axe-core is not at {} ({error}): run `cargo xtask tools`", path.display()));
        // It is a script that makes a global of itself.
        self.driver.execute(format!("if (!window.axe) {{ {axe}\n }}"), vec![]).await?;
        let script = "const done = arguments[0]; axe.run(document, { resultTypes: ['violations'], preload: false }) \
             .then(found => done(found.violations), error => done([{ id: String(error), nodes: [] }]));";
        let found = self.driver.execute_async(script, vec![]).await?;
        let found: Vec<Value> = found.convert()?;
        let line = |violation: Value| {
            let places: Vec<String> = violation["nodes"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|node| format!("{} {}", node["target"], node["failureSummary"]))
                .collect();
            format!("{}: {}", violation["id"], places.join(", "))
        };
        Ok(found.into_iter().map(line).collect())
    }

    /// The page as a picture (PNG).
    pub async fn picture(&self) -> WebDriverResult<Vec<u8>> {
        self.driver.screenshot_as_png().await
    }
}

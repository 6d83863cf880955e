//! The bundled table: real flights within the United States in 2001, from the package `vega-datasets`, which has them from the U.S.
//! Bureau of Transportation Statistics. 20,000 of them as CSV for the page, 3 million as Parquet, as they come, for the server.

use crate::digest;
use crate::failure::{Done, Failure};
use serde_json::Value;
use std::path::Path;

const HEADER: &str = "date,delay,distance,origin,destination\n";

/// What there is to say of their origin and licence: the package has no file that says it.
pub const LICENCE: &str = "The flights are on-time data that airlines report to the U.S. Bureau of Transportation Statistics (14 CFR part 234), \
                           a work of the United States government. They come with the package vega-datasets, whose code is under the \
                           BSD-3-Clause licence.";

/// The flights as CSV.
pub fn csv(packages: &Path) -> Done<String> {
    let path = packages.join("vega-datasets/data/flights-20k.json");
    let json = digest::read(&path)?;
    rows(&json).ok_or_else(|| {
        let what = format!("{} does not hold the flights that were expected", path.display());
        Failure::new(what, "Check the version of vega-datasets in package.json")
    })
}

/// Three million flights as Parquet.
pub fn parquet(packages: &Path) -> Done<Vec<u8>> {
    digest::read(&packages.join("vega-datasets/data/flights-3m.parquet"))
}

fn rows(json: &[u8]) -> Option<String> {
    let flights: Vec<Value> = serde_json::from_slice(json).ok()?;
    let mut text = HEADER.to_owned();
    for flight in &flights {
        // `2001/01/01 00:47` as ISO 8601 has it.
        let date = flight["date"].as_str()?.replace('/', "-");
        let (delay, distance) = (flight["delay"].as_i64()?, flight["distance"].as_i64()?);
        let (origin, destination) = (flight["origin"].as_str()?, flight["destination"].as_str()?);
        text.push_str(&format!("{date}:00,{delay},{distance},{origin},{destination}\n"));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flight_is_a_row_with_its_date_in_iso_8601() {
        let json = br#"[{"date":"2001/01/01 00:47","delay":-5,"distance":1750,"origin":"DTW","destination":"LAS"}]"#;
        assert_eq!(rows(json).unwrap(), format!("{HEADER}2001-01-01 00:47:00,-5,1750,DTW,LAS\n"));
        assert_eq!(rows(b"[{}]"), None);
    }
}

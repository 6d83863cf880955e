//! The datasets that come with Millrace: under which file each lies beside the page, and what its records are. Whether they are there,
//! the place knows.

use crate::batch::{Column, Format, Records};
use crate::expr::Type;

/// Names, files of the folder `data`.
const FILES: [(&str, &str); 3] = [("glosses", "glosses.txt"), ("flights", "flights.csv"), ("flights-3m", "flights-3m.parquet")];

/// The columns of a flight.
const FLIGHT: [(&str, Type); 5] = [
    ("date", Type::Timestamp),
    ("delay", Type::Int64),
    ("distance", Type::Int64),
    ("origin", Type::Utf8),
    ("destination", Type::Utf8),
];

/// The names of all of them.
pub fn dataset_names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}

/// The file of a dataset, if there is one of this name.
pub fn dataset_file(name: &str) -> Option<&'static str> {
    FILES.iter().find(|(known, _)| *known == name).map(|(_, file)| *file)
}

/// What the records of a dataset are; `None`: lines.
pub(super) fn dataset_records(name: &str) -> Option<Records> {
    let format = match dataset_file(name)?.rsplit_once('.')?.1 {
        "csv" => Format::Csv { header: true, delimiter: b',', quote: b'"' },
        "parquet" => Format::Parquet,
        _ => return None,
    };
    let columns = FLIGHT.map(|(name, data_type)| Column { name: name.to_owned(), data_type });
    Some(Records::new(format, columns.to_vec()))
}

//! The charts in words, for those who do not see the drawing, and in numbers.

use shared::time::Time;

use super::series::{Chart, Course, Kind, Series};
use crate::components::html::escape;
use crate::lab::format::{count, duration_ms, grouped, virtual_clock};

/// Lines that a summary tells of; the others are in the table.
const TOLD_MAX: usize = 3;

impl Kind {
    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Kind::Throughput => "Throughput",
            Kind::Busy => "Busy workers",
            Kind::Depth => "Queue depth",
            Kind::Messages => "Messages",
            Kind::Latency => "Latency",
        }
    }

    /// What its numbers are.
    pub fn unit(self) -> &'static str {
        match self {
            Kind::Throughput => "records a second",
            Kind::Busy => "on average in each part of the time",
            Kind::Depth => "messages ready in queues and unsettled at consumers, the most in each part of the time",
            Kind::Messages => "a second",
            Kind::Latency => "milliseconds from publishing to the end of the work",
        }
    }

    /// Its name among test ids and style.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Throughput => "throughput",
            Kind::Busy => "busy",
            Kind::Depth => "depth",
            Kind::Messages => "messages",
            Kind::Latency => "latency-over-time",
        }
    }

    /// What stands in its place before a run.
    pub fn promise(self) -> &'static str {
        match self {
            Kind::Throughput => "How many records are read in a second, once something runs.",
            Kind::Busy => "How many workers are at work, once something runs.",
            Kind::Depth => "How many messages are ready in each queue, once something runs.",
            Kind::Messages => "How many messages come, are delivered, worked on and lost in a second, once something runs.",
            Kind::Latency => "How long messages take until they are worked on, once something runs.",
        }
    }
}

/// A value as it is read: with a decimal where it is small. What there is none of is not a number.
pub fn number(value: f64) -> String {
    if value.is_nan() {
        return "–".to_owned();
    }
    if value != 0.0 && value < 10.0 && value.fract() != 0.0 {
        return format!("{value:.1}");
    }
    let figure = count(value.round() as u64);
    format!("{} {}", figure.value, figure.unit).trim_end().to_owned()
}

/// A length of time or a moment, in short.
pub fn clock(at: Time) -> String {
    let figure = duration_ms(at.0 as f64 / 1e3);
    format!("{} {}", figure.value, figure.unit)
}

/// A moment so that two parts of the time that follow each other differ.
pub fn to_the_millisecond(at: Time) -> String {
    let figure = virtual_clock(at.0 as f64 / 1e3);
    format!("{} {}", figure.value, figure.unit)
}

/// A chart in a sentence: of each line the most, the least and the last, and when they were. Nothing before there is something to tell.
pub fn summary(course: &Course, chart: &Chart) -> String {
    if course.over == 0 {
        return String::new();
    }
    let most = |series: &Series| series.values.iter().copied().fold(0.0, f64::max);
    let mut told: Vec<&Series> = chart.series.iter().collect();
    if told.len() > TOLD_MAX {
        told.sort_by(|one, other| most(other).total_cmp(&most(one)));
        told.truncate(TOLD_MAX);
    }
    let mut parts: Vec<String> = told.iter().map(|series| in_words(course, series)).collect();
    let more = chart.series.len() - told.len();
    if more > 0 {
        parts.push(format!("{more} more in the table"));
    }
    if chart.left_out > 0 {
        parts.push(format!("{} emptier queues are not drawn", chart.left_out));
    }
    format!("{}: {}.", chart.kind.title(), parts.join("; "))
}

fn in_words(course: &Course, series: &Series) -> String {
    let values = || series.values.iter().copied().enumerate().filter(|(_, value)| !value.is_nan());
    let most = values().reduce(|one, other| if other.1 > one.1 { other } else { one });
    let least = values().reduce(|one, other| if other.1 < one.1 { other } else { one });
    match (least, most, values().next_back()) {
        (Some((_, least)), Some((_, most)), _) if least == most => match most {
            0.0 => format!("{} none", series.name),
            _ => format!("{} always {}", series.name, number(most)),
        },
        (Some((low, least)), Some((high, most)), Some((_, last))) => format!(
            "{} at most {} {}, at least {} {}, last {}",
            series.name,
            number(most),
            when(course, high),
            number(least),
            when(course, low),
            number(last)
        ),
        _ => format!("{} nothing yet", series.name),
    }
}

fn when(course: &Course, part: usize) -> String {
    if part == 0 { "at the start".to_owned() } else { format!("at {}", clock(course.start(part))) }
}

/// What each line looks like, its name, and its value at the moment that is pointed at, or the last one.
pub fn legend(course: &Course, chart: &Chart, pointed: Option<Time>) -> String {
    let part = match pointed {
        Some(at) => course.part_at(at),
        None => course.over.checked_sub(1),
    };
    let key = |(index, series): (usize, &Series)| {
        let value = part.and_then(|part| series.values.get(part)).map_or_else(|| "–".to_owned(), |value| number(*value));
        let Line { colour, dash } = line(chart.kind, index);
        let dash = dash.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
        format!(
            "<span class=\"chart-key\"><svg width=\"22\" height=\"8\" aria-hidden=\"true\"><line x2=\"22\" y1=\"4\" y2=\"4\" \
             stroke=\"var(--{colour})\" stroke-width=\"2\" stroke-dasharray=\"{dash}\"/></svg>{} <b class=\"num\">{value}</b></span>",
            escape(&series.name)
        )
    };
    chart.series.iter().enumerate().map(key).collect()
}

/// A chart's numbers: the parts of the time that are over, and where something was counted how much that was altogether.
pub fn table(course: &Course, chart: &Chart) -> String {
    let heads: String =
        chart.series.iter().map(|series| format!("<th scope=\"col\" class=\"end\">{}</th>", escape(&series.name))).collect();
    let row = |part: usize| {
        let (from, to) = (course.start(part), course.start(part + 1));
        let cell = |series: &Series| {
            let value = series.values.get(part).copied().unwrap_or(f64::NAN);
            let exact = match series.counts.get(part) {
                Some(count) => format!(" title=\"{} in {}\" data-exact=\"{count}\"", grouped(*count), to.since(from)),
                None => format!(" data-exact=\"{value}\""),
            };
            format!("<td class=\"num end\"{exact}>{}</td>", number(value))
        };
        let cells: String = chart.series.iter().map(cell).collect();
        format!("<tr><th scope=\"row\" class=\"num\" data-exact=\"{}\">{}</th>{cells}</tr>", from.0, to_the_millisecond(from))
    };
    let rows: String = (0..course.over).map(row).collect();
    let sum = |series: &Series| {
        let sum: u64 = series.counts.iter().sum();
        format!("<td class=\"num end\" data-exact=\"{sum}\">{}</td>", grouped(sum))
    };
    let counted = chart.series.iter().all(|series| !series.counts.is_empty());
    let foot = match counted {
        true => {
            let sums: String = chart.series.iter().map(sum).collect();
            format!("<tfoot><tr><th scope=\"row\">Altogether</th>{sums}</tr></tfoot>")
        }
        false => String::new(),
    };
    format!(
        "<caption class=\"unseen\">{}, {}</caption><thead><tr><th scope=\"col\">From</th>{heads}</tr></thead><tbody>{rows}</tbody>{foot}",
        chart.kind.title(),
        chart.kind.unit()
    )
}

/// How a line looks: its colour in the style sheet and its dash, which tells it apart where colours do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    pub colour: &'static str,
    pub dash: &'static [u32],
}

/// The look of a chart's line, by its place.
pub fn line(kind: Kind, index: usize) -> Line {
    const fn look(colour: &'static str, dash: &'static [u32]) -> Line {
        Line { colour, dash }
    }
    const COUNTED: [Line; 3] = [look("done", &[]), look("busy", &[7, 3]), look("down", &[2, 3])];
    const BUSY: [Line; 2] = [look("busy", &[]), look("done", &[7, 3])];
    const PASSED: [Line; 4] = [look("accent", &[]), look("busy", &[10, 3, 2, 3]), look("done", &[7, 3]), look("down", &[2, 3])];
    const TOOK: [Line; 2] = [look("done", &[]), look("blocked", &[7, 3])];
    // The queues, and what is at consumers.
    const QUEUES: [Line; 7] = [
        look("busy", &[]),
        look("blocked", &[7, 3]),
        look("done", &[2, 3]),
        look("again", &[10, 3, 2, 3]),
        look("text", &[4, 2]),
        look("quiet", &[12, 4]),
        look("accent", &[1, 2]),
    ];
    let looks: &[Line] = match kind {
        Kind::Throughput => &COUNTED,
        Kind::Busy => &BUSY,
        Kind::Messages => &PASSED,
        Kind::Latency => &TOOK,
        Kind::Depth => &QUEUES,
    };
    looks[index % looks.len()]
}

#[cfg(test)]
mod tests {
    use shared::time::Span;

    use super::*;

    fn course() -> Course {
        let series = |name: &str, values: &[f64], counts: &[u64]| Series {
            name: name.to_owned(),
            values: values.to_vec(),
            counts: counts.to_vec(),
        };
        let chart = Chart {
            kind: Kind::Messages,
            series: vec![
                series("published", &[10.0, 1_240_000.0, 2.5], &[1, 124_000, 0]),
                series("a <b>", &[0.0, 0.0, 0.0], &[0, 0, 0]),
            ],
            left_out: 0,
        };
        Course { span: Span(6_000_000), over: 3, charts: vec![chart] }
    }

    #[test]
    fn a_summary_tells_the_most_the_least_and_the_last() {
        let course = course();
        let told = summary(&course, &course.charts[0]);
        assert_eq!(told, "Messages: published at most 1.24 M at 100 ms, at least 2.5 at 200 ms, last 2.5; a <b> none.");
        let none = Course { over: 0, ..course.clone() };
        assert_eq!(summary(&none, &none.charts[0]), "");
    }

    #[test]
    fn the_legend_has_the_values_of_the_moment_that_is_pointed_at() {
        let course = course();
        let at = |pointed| legend(&course, &course.charts[0], pointed);
        assert!(at(Some(Time(120_000))).contains("published <b class=\"num\">1.24 M</b>"), "{}", at(Some(Time(120_000))));
        assert!(at(None).contains("published <b class=\"num\">2.5</b>"));
        assert!(at(Some(Time(900_000))).contains("published <b class=\"num\">–</b>"), "not known yet");
        assert!(at(None).contains("a &lt;b&gt;"));
    }

    #[test]
    fn the_table_has_a_row_for_each_part_and_what_it_comes_to() {
        let course = course();
        let table = table(&course, &course.charts[0]);
        assert_eq!(table.matches("<tr>").count(), 1 + 3 + 1);
        assert!(
            table.contains("data-exact=\"100000\">0.100 s</th><td class=\"num end\" title=\"124,000 in 100 ms\""),
            "{table}"
        );
        assert!(table.contains("Altogether</th><td class=\"num end\" data-exact=\"124001\">124,001</td>"), "{table}");
        assert!(!table.contains("<b>"), "{table}");
    }

    #[test]
    fn no_two_lines_of_a_chart_look_alike_without_colour() {
        for (kind, count) in [(Kind::Throughput, 3), (Kind::Busy, 2), (Kind::Messages, 4), (Kind::Latency, 2), (Kind::Depth, 7)]
        {
            let dashes: std::collections::BTreeSet<_> = (0..count).map(|index| line(kind, index).dash).collect();
            assert_eq!(dashes.len(), count, "{kind:?}");
        }
    }
}

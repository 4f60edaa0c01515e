//! Markdown tables, aligned for people who read them in a terminal.

use std::time::Duration;

/// Prints a heading, a sentence and a table; the first row is the table's head.
pub fn print(heading: &str, about: &str, rows: &[Vec<String>]) {
    println!("\n### {heading}\n\n{about}\n");
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0).max(3)).collect();
    for (number, row) in rows.iter().enumerate() {
        let cell = |(column, width): (usize, &usize)| {
            let text = row.get(column).map_or("", String::as_str);
            if column == 0 { format!(" {text:<width$} ") } else { format!(" {text:>width$} ") }
        };
        println!("|{}|", widths.iter().enumerate().map(cell).collect::<Vec<_>>().join("|"));
        if number == 0 {
            let rule = |(column, width): (usize, &usize)| {
                format!("{}{}", "-".repeat(width + 1), if column == 0 { "-" } else { ":" })
            };
            println!("|{}|", widths.iter().enumerate().map(rule).collect::<Vec<_>>().join("|"));
        }
    }
}

/// A row from texts.
pub fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// `12.3`: milliseconds.
pub fn ms(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

/// `4.31`: seconds.
pub fn seconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64())
}

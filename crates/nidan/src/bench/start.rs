//! Cold start and idle memory, measured from outside on the real program.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use tokio::time::Instant;

use super::Place;

/// Starts after the first.
const STARTS: usize = 9;
/// How long it is left alone before its memory is looked at.
const IDLE: Duration = Duration::from_secs(2);

/// What was measured.
pub struct Start {
    /// The first start: database and keys are made. In milliseconds from the making of the process to the first answer.
    pub first_ms: f64,
    /// The median of the starts after that.
    pub median_ms: f64,
    /// Memory that would come free if the idle server ended (PSS: pages shared with others count in part), in KiB.
    pub idle_kib: u64,
}

/// A server, until dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Measures.
///
/// # Errors
/// The system's, or the server did not answer.
pub fn measure() -> io::Result<Start> {
    let place = Place::new()?;
    let data = place.path("data");
    let (first_ms, _) = start(&data)?;
    let mut later = Vec::new();
    for _ in 1..STARTS {
        later.push(start(&data)?.0);
    }
    let (last_ms, server) = start(&data)?;
    later.push(last_ms);
    later.sort_by(f64::total_cmp);
    thread::sleep(IDLE);
    Ok(Start { first_ms, median_ms: later[STARTS / 2], idle_kib: pss_kib(&server)? })
}

fn start(data: &Path) -> io::Result<(f64, Server)> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["demo", "--listen", "127.0.0.1:0", "--data"]).arg(data);
    let began = Instant::now();
    let mut server = Server(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?);
    let says = server.0.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines);
    let ready = says.map_while(Result::ok).find_map(|line| Some(line.strip_prefix("ready http://")?.to_owned()));
    let ready = ready.ok_or_else(|| io::Error::other("the server ended before it was ready"))?;
    let address = ready.trim_end_matches('/');
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /health/ready HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.starts_with("HTTP/1.1 200 ") {
        true => Ok((began.elapsed().as_secs_f64() * 1000.0, server)),
        false => Err(io::Error::other("/health/ready did not answer 200")),
    }
}

fn pss_kib(server: &Server) -> io::Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", server.0.id()))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kib.ok_or_else(|| io::Error::other("the kernel tells no PSS"))
}

//! An HTTP server on loopback that follows a script, with every fault that a server can have.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use url::Url;

/// A request that has arrived.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// Path and query.
    pub(crate) path: String,
    /// Headers by their names in small letters.
    pub(crate) headers: HashMap<String, String>,
}

impl Heard {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The first byte that is asked for.
    pub(crate) fn range_start(&self) -> Option<usize> {
        let range = self.header("range")?.strip_prefix("bytes=")?;
        range.strip_suffix('-')?.parse().ok()
    }
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The length that is announced, where it is another one than the body's.
    pub(crate) announced: Option<usize>,
    /// After so many bytes of the body the connection ends.
    pub(crate) cut_at: Option<usize>,
    /// After so many bytes of the body nothing comes any more.
    pub(crate) stall_at: Option<usize>,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    pub(crate) fn ok(body: &[u8]) -> Self {
        Self {
            body: body.to_vec(),
            ..Self::status(200)
        }
    }

    pub(crate) fn json(value: &serde_json::Value) -> Self {
        Self::ok(value.to_string().as_bytes())
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self::status(302).with("Location", to)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A file as a good server gives it: in ranges, if the one who asks still means the same file.
    pub(crate) fn file(heard: &Heard, body: &[u8], tag: &str) -> Self {
        let is_same = heard.header("if-range").is_none_or(|wanted| wanted == tag);
        match heard.range_start().filter(|_| is_same) {
            Some(start) if start >= body.len() => {
                Self::status(416).with("Content-Range", &format!("bytes */{}", body.len()))
            }
            Some(start) => {
                let range = format!("bytes {start}-{}/{}", body.len() - 1, body.len());
                Self {
                    body: body[start..].to_vec(),
                    ..Self::status(206)
                }
                .with("Content-Range", &range)
                .with("ETag", tag)
            }
            None => Self::ok(body).with("ETag", tag),
        }
    }

    pub(crate) fn cut_at(self, bytes: usize) -> Self {
        Self {
            cut_at: Some(bytes),
            ..self
        }
    }

    pub(crate) fn stall_at(self, bytes: usize) -> Self {
        Self {
            stall_at: Some(bytes),
            ..self
        }
    }
}

/// The server; it lives until the test ends.
pub(crate) struct Server {
    pub(crate) url: Url,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Server {
    /// Starts a server that answers as `answer` says.
    pub(crate) fn start(answer: impl Fn(&Heard) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&heard), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                thread::spawn(move || serve(stream, &log, answer.as_ref()));
            }
        });
        Self {
            url: Url::parse(&format!("http://127.0.0.1:{port}")).unwrap(),
            heard,
        }
    }

    /// An address at the server.
    pub(crate) fn at(&self, path: &str) -> Url {
        self.url.join(path).unwrap()
    }

    /// Every request so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

/// Answers one request and ends the connection.
fn serve(mut stream: TcpStream, log: &Mutex<Vec<Heard>>, answer: &dyn Fn(&Heard) -> Reply) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let Some(Ok(first)) = lines.next() else {
        return;
    };
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = HashMap::new();
    for line in lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
    {
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    let heard = Heard { path, headers };
    log.lock().unwrap().push(heard.clone());
    let reply = answer(&heard);
    let length = reply.announced.unwrap_or(reply.body.len());
    let mut head = format!(
        "HTTP/1.1 {} Reply\r\nContent-Length: {length}\r\nConnection: close\r\n",
        reply.status
    );
    for (name, value) in &reply.headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    head += "\r\n";
    let end = reply.cut_at.or(reply.stall_at).unwrap_or(reply.body.len());
    let sent = &reply.body[..end.min(reply.body.len())];
    // Whoever asked may be gone already.
    let _ = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(sent));
    let _ = stream.flush();
    if reply.stall_at.is_some() {
        // Until the other side gives up.
        let _ = stream.read(&mut [0; 16]);
    }
    let _ = stream.shutdown(Shutdown::Both);
}

//! Alerts reach a channel through the real binary, also after it has refused them and after the daemon was killed.

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use support::{Root, wait_for};
use valhalla_ingest::delivery::signature;

type Got = Arc<Mutex<Vec<(String, String)>>>;

/// An HTTP server that answers with these statuses, then with 200; what it got, head and body.
fn server(statuses: &'static [u16]) -> (u16, Got) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("port");
    let (port, got) = (listener.local_addr().expect("address").port(), Got::default());
    let kept = Arc::clone(&got);
    std::thread::spawn(move || {
        for (at, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { continue };
            let mut reader = BufReader::new(stream.try_clone().expect("clone"));
            let (mut head, mut line) = (String::new(), String::new());
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                head += &line.to_lowercase();
                line.clear();
            }
            let mut body = vec![0; header(&head, "content-length").parse().unwrap_or(0)];
            let _ = reader.read_exact(&mut body);
            kept.lock().expect("lock").push((head, String::from_utf8_lossy(&body).into_owned()));
            let status = statuses.get(at).unwrap_or(&200);
            let _ = write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    (port, got)
}

fn header(head: &str, name: &str) -> String {
    head.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap_or_default().trim().to_owned()
}

fn root(port: u16) -> Root {
    let root = Root::with_config(&format!(
        "[[alerts.channel]]\nname = 'hook'\nkind = 'webhook'\nurl = 'http://127.0.0.1:{port}/path'\nsecret = 'hidden-key'\n"
    ));
    fs::set_permissions(root.path("valhalla.toml"), Permissions::from_mode(0o600)).expect("it holds a secret");
    root
}

#[test]
fn a_refused_alert_comes_again_signed_and_with_the_same_id() {
    let (port, got) = server(&[503]);
    let root = root(port);
    let daemon = root.daemon();
    root.drop_renamed("bad.csv", "nothing,useful\n1,2\n");
    wait_for("the second attempt", || got.lock().expect("lock").len() >= 2);
    daemon.stop();
    let got = got.lock().expect("lock").clone();
    for (head, body) in &got[..2] {
        let expected = signature(b"hidden-key", &header(head, "x-valhalla-timestamp"), body.as_bytes());
        assert_eq!(header(head, "x-valhalla-signature"), expected);
        assert!(body.contains(&header(head, "x-valhalla-alert-id")) && body.contains("file_failed"), "{body}");
    }
    assert_eq!(got[0].1, got[1].1);
    assert!(!root.run(&["config", "show"]).stdout.contains("hidden-key"));
}

#[test]
fn what_waits_when_the_daemon_is_killed_is_delivered_by_the_next() {
    let root = root(1); // nobody listens there
    let daemon = root.daemon();
    root.drop_renamed("bad.csv", "nothing,useful\n1,2\n");
    wait_for("a failure", || root.run(&["status", "--json"]).json()["channels"][0]["last_error"].is_string());
    daemon.kill();
    let (port, got) = server(&[]);
    root.configure(&root.text("valhalla.toml").replace(":1/", &format!(":{port}/")));
    let _daemon = root.daemon();
    wait_for("the delivery", || got.lock().expect("lock").iter().any(|(_, body)| body.contains("file_failed")));
}

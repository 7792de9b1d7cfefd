//! Work in the background: results, news, cancelling, and the end of the program.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use flux_qfaces::session::background::{Background, Reporter, Task};

/// A background, and what hears its wakes.
fn background() -> (Background, Receiver<()>) {
    let (sender, wakes) = channel();
    let wake = move || {
        let _ = sender.send(());
    };
    (Background::new(Arc::new(wake)), wakes)
}

#[test]
fn a_result_is_there_when_the_front_end_is_woken() {
    let (background, wakes) = background();
    let mut slot = Some(background.start("test", |reporter| {
        reporter.report(1);
        2
    }));
    let mut news = Vec::new();
    let result = loop {
        wakes.recv().unwrap();
        news.extend(slot.iter().flat_map(Task::news));
        if let Some(result) = Task::take(&mut slot) {
            break result;
        }
    };
    assert_eq!((news, result), (vec![1], Ok(2)));
    assert!(slot.is_none());
}

#[test]
fn a_task_that_is_replaced_is_cancelled() {
    let (background, _wakes) = background();
    let (ended, ends) = channel();
    let work = move |reporter: &Reporter<()>| {
        while !reporter.stop().is_raised() {
            std::thread::yield_now();
        }
        ended.send(()).unwrap();
    };
    let mut slot = Some(background.start("test", work));
    assert!(Task::take(&mut slot).is_none());
    slot = Some(background.start("test", |_| ()));
    ends.recv().unwrap();
    assert_eq!(slot.unwrap().wait(), Ok(()));
}

#[test]
fn the_end_waits_for_what_must_not_be_cut_short() {
    let (background, _wakes) = background();
    let (noted, notes) = channel();
    let work = move |reporter: &Reporter<()>| {
        while !reporter.stop().is_raised() {
            std::thread::yield_now();
        }
        noted.send("noted").unwrap();
    };
    let _task = background.start_awaited("test", work);
    background.end();
    assert_eq!(notes.try_recv(), Ok("noted"));
}

#[test]
fn a_panic_becomes_a_sentence() {
    let (background, _wakes) = background();
    let task: Task<()> = background.start("test", |_| panic!("out of numbers"));
    let sentence = task.wait().unwrap_err();
    assert_eq!(sentence, "stopped unexpectedly (out of numbers)");
}

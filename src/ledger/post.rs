//! What a run shares with the ledger's thread: the journal, and what was told and not taken up yet.
//!
//! A record goes into both in one step, so that whoever ends a generation of the journal has got
//! all that is in it. After the first failure nothing is taken any more.

use std::fs::File;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Error;
use super::journal::Journal;
use super::keeper::Message;
use super::record::Record;

/// See the module.
#[derive(Debug)]
pub(super) struct Post(Mutex<Tray>);

#[derive(Debug)]
struct Tray {
    journal: Journal,
    mail: Vec<Message>,
    /// Whether the run tells no more.
    is_closed: bool,
}

impl Post {
    pub(super) fn new(journal: Journal) -> Self {
        Self(Mutex::new(Tray { journal, mail: Vec::new(), is_closed: false }))
    }

    /// The tray, which is whole whatever has become of whoever held it before.
    fn tray(&self) -> MutexGuard<'_, Tray> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a record and hands it on as `message`; it is written with the next that is
    /// [told](Self::tell), or by [`write`](Self::write).
    pub(super) fn note(
        &self,
        record: Record,
        message: impl FnOnce(Record) -> Message,
    ) -> Result<(), Error> {
        let mut tray = self.tray();
        tray.journal.note(&record)?;
        tray.mail.push(message(record));
        Ok(())
    }

    /// Writes a record with all that was noted before, and hands it on as `message`.
    pub(super) fn tell(
        &self,
        record: Record,
        message: impl FnOnce(Record) -> Message,
    ) -> Result<(), Error> {
        let mut tray = self.tray();
        tray.journal.note(&record)?;
        tray.journal.write()?;
        tray.mail.push(message(record));
        Ok(())
    }

    /// Writes what was noted.
    pub(super) fn write(&self) -> Result<(), Error> {
        self.tray().journal.write()
    }

    /// Hands on a message that stands in no journal.
    pub(super) fn send(&self, message: Message) -> Result<(), Error> {
        let mut tray = self.tray();
        tray.journal.failure().map_or(Ok(()), Err)?;
        tray.mail.push(message);
        Ok(())
    }

    /// The run tells no more.
    pub(super) fn close(&self) {
        self.tray().is_closed = true;
    }

    /// Puts what came since the last time into `mail`, which is empty; whether nothing comes any
    /// more.
    pub(super) fn take(&self, mail: &mut Vec<Message>) -> bool {
        let mut tray = self.tray();
        mem::swap(&mut tray.mail, mail);
        tray.is_closed
    }

    /// Ends the generation of the journal, whose number it gives; what was told by then comes into
    /// `mail`, which is empty.
    pub(super) fn turn(&self, mail: &mut Vec<Message>) -> Result<i64, Error> {
        let mut tray = self.tray();
        mem::swap(&mut tray.mail, mail);
        tray.journal.turn()
    }

    /// The journal's file, with all that was noted.
    pub(super) fn file(&self) -> Result<File, Error> {
        self.tray().journal.file()
    }

    /// Empties the file of the generation that ended last.
    pub(super) fn forget(&self) -> Result<(), Error> {
        self.tray().journal.forget()
    }

    /// Takes the journal's files away.
    pub(super) fn end(&self) {
        self.tray().journal.end();
    }

    /// Takes nothing any more and gives this error from now on, unless there was one before; what
    /// is in the tray is given back.
    pub(super) fn fail(&self, error: &Error) -> Vec<Message> {
        let mut tray = self.tray();
        tray.journal.fail(error);
        mem::take(&mut tray.mail)
    }

    /// The first failure.
    pub(super) fn failure(&self) -> Option<Error> {
        self.tray().journal.failure()
    }
}

//! Where the decoder's parts and rejects go: uploads below the run.

use std::io::{self, Write};

use edge::objects::{Objects, Upload};
use pipeline::layout::RunKeys;
use pipeline::name::Name;
use table::{Reject, Sinks};
use tokio::runtime::Handle;

/// The uploads of one slice.
pub struct Uploads<'a> {
    /// Where they go.
    pub objects: &'a Objects,
    /// How they are named.
    pub keys: &'a RunKeys,
    /// The slice.
    pub slice: &'a str,
    /// Runs what is asynchronous.
    pub handle: &'a Handle,
    /// The rejects, once there is one.
    pub rejects: Option<Upload>,
}

/// A part on its way, with the key that it will have.
pub struct PartUpload {
    /// The key.
    pub key: String,
    /// What takes the bytes.
    pub upload: Upload,
    handle: Handle,
}

impl Write for PartUpload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        settle(&mut self.upload, &self.handle)?;
        self.upload.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.upload.flush()
    }
}

/// Typing waits for the store where that is the slower one, so that memory stays bounded.
fn settle(upload: &mut Upload, handle: &Handle) -> io::Result<()> {
    match upload.is_behind() {
        true => handle.block_on(upload.settle()).map_err(io::Error::other),
        false => Ok(()),
    }
}

impl Uploads<'_> {
    fn begin(&self, key: &str) -> io::Result<Upload> {
        let begun = self.handle.block_on(self.objects.upload(key));
        begun.map_err(io::Error::other)
    }
}

impl Sinks for Uploads<'_> {
    type Part = PartUpload;

    fn part(&mut self, table: &Name, number: u32) -> io::Result<PartUpload> {
        let key = self.keys.part(self.slice, table, number as usize);
        let upload = self.begin(&key)?;
        Ok(PartUpload {
            key,
            upload,
            handle: self.handle.clone(),
        })
    }

    fn reject(&mut self, reject: &Reject<'_>) -> io::Result<()> {
        if self.rejects.is_none() {
            self.rejects = Some(self.begin(&self.keys.rejects(self.slice))?);
        }
        let Some(upload) = &mut self.rejects else {
            return Ok(());
        };
        settle(upload, self.handle)?;
        serde_json::to_writer(&mut *upload, reject)?;
        upload.write_all(b"\n")
    }
}

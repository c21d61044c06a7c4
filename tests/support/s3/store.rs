//! The operations. The frame around them checks signatures and speaks XML.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use s3s::crypto::{Checksum, Md5};
use s3s::dto::*;
use s3s::{Body, S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::front::Front;
use super::personality::Personality;
use super::shelf::{Object, Upload};

/// The smallest part of a multipart upload, except for the last.
const SMALLEST_PART: usize = 5 << 20;

/// The buckets, by the rules of their owner.
pub(super) struct Store {
    pub front: Arc<Front>,
}

impl Store {
    fn bucket(&self, bucket: &str) -> S3Result<()> {
        if self.front.shelf.has_bucket(bucket) { Ok(()) } else { Err(s3_error!(NoSuchBucket)) }
    }

    fn object(&self, bucket: &str, key: &str) -> S3Result<Object> {
        self.bucket(bucket)?;
        self.front.shelf.get(bucket, key).ok_or_else(|| s3_error!(NoSuchKey))
    }

    /// Writes an object, unless it is too soon for that.
    fn write(&self, bucket: &str, key: &str, object: Object) -> S3Result<()> {
        let window = match self.front.personality {
            Personality::R2 => self.front.window(),
            Personality::B2 | Personality::Plain => Duration::ZERO,
        };
        if self.front.shelf.written(bucket, key).is_some_and(|at| at.elapsed() < window) {
            let message = "Reduce your concurrent request rate for the same object. (10058)";
            let mut error = S3Error::with_message(S3ErrorCode::Custom("TooMuchConcurrency".into()), message);
            error.set_status_code(StatusCode::TOO_MANY_REQUESTS);
            return Err(error);
        }
        self.front.shelf.put(bucket, key, object);
        Ok(())
    }

    /// Puts the parts of an upload together.
    fn assemble(&self, upload: &Upload, named: &[CompletedPart]) -> S3Result<Object> {
        let mut parts = Vec::new();
        for (expected, part) in (1..).zip(named) {
            let number = part.part_number.unwrap_or(0);
            let found = upload.parts.get(&number).ok_or_else(|| s3_error!(InvalidPart))?;
            if number != expected || part.e_tag.as_ref().is_none_or(|tag| tag.value() != found.tag) {
                return Err(s3_error!(InvalidPart, "part {number} is not the one that was sent"));
            }
            parts.push(found);
        }
        let Some((_, front)) = parts.split_last() else { return Err(s3_error!(MalformedXML)) };
        if front.iter().any(|part| part.bytes.len() < SMALLEST_PART) {
            return Err(s3_error!(EntityTooSmall));
        }
        let unequal = parts.windows(2).any(|pair| pair[1].bytes.len() > pair[0].bytes.len())
            || front.windows(2).any(|pair| pair[1].bytes.len() != pair[0].bytes.len());
        if self.front.personality == Personality::R2 && unequal {
            return Err(s3_error!(InvalidPart, "All non-trailing parts must have the same length. (10048)"));
        }
        let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.bytes.len()).sum());
        let mut tags = Vec::new();
        for part in &parts {
            bytes.extend_from_slice(&part.bytes);
            tags.extend(hex::decode(&part.tag).unwrap());
        }
        let tag = format!("{}-{}", hex::encode(Md5::checksum(&tags)), parts.len());
        Ok(Object { bytes: bytes.into(), tag, ..upload.object.clone() })
    }
}

async fn all(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let Some(body) = body else { return Ok(Bytes::new()) };
    Body::from(body).store_all_limited(usize::MAX).await.map_err(|_| s3_error!(IncompleteBody))
}

fn tag(object: &Object) -> Option<ETag> {
    Some(ETag::Strong(object.tag.clone()))
}

fn length(bytes: usize) -> Option<i64> {
    Some(i64::try_from(bytes).unwrap())
}

#[async_trait::async_trait]
impl S3 for Store {
    async fn head_bucket(&self, asked: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.bucket(&asked.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn head_object(&self, asked: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let object = self.object(&asked.input.bucket, &asked.input.key)?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: length(object.bytes.len()),
            e_tag: tag(&object),
            content_type: object.content_type,
            cache_control: object.cache_control,
            metadata: Some(object.metadata),
            last_modified: Some(object.modified.into()),
            ..HeadObjectOutput::default()
        }))
    }

    async fn get_object(&self, asked: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let object = self.object(&asked.input.bucket, &asked.input.key)?;
        if let Some(ETagCondition::ETag(wanted)) = &asked.input.if_match
            && wanted.value() != object.tag
        {
            return Err(s3_error!(PreconditionFailed));
        }
        let size = object.bytes.len() as u64;
        let range =
            asked.input.range.map(|range| range.check(size)).transpose().map_err(|_| s3_error!(InvalidRange))?;
        let (bytes, content_range) = match range {
            None => (object.bytes.clone(), None),
            Some(range) => {
                let shown = format!("bytes {}-{}/{size}", range.start, range.end - 1);
                let within = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
                (object.bytes.slice(within), Some(shown))
            }
        };
        Ok(S3Response::new(GetObjectOutput {
            content_length: length(bytes.len()),
            content_range,
            body: Some(StreamingBlob::from(Body::from(bytes))),
            e_tag: tag(&object),
            content_type: object.content_type,
            cache_control: object.cache_control,
            metadata: Some(object.metadata),
            last_modified: Some(object.modified.into()),
            ..GetObjectOutput::default()
        }))
    }

    async fn put_object(&self, asked: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let asked = asked.input;
        self.bucket(&asked.bucket)?;
        let there = self.front.shelf.get(&asked.bucket, &asked.key);
        let refused = match (&asked.if_none_match, &asked.if_match) {
            (Some(condition), _) if condition.is_any() => there.is_some(),
            (_, Some(ETagCondition::ETag(wanted))) => there.is_none_or(|object| wanted.value() != object.tag),
            _ => false,
        };
        if refused {
            return Err(s3_error!(PreconditionFailed));
        }
        let object = Object {
            content_type: asked.content_type,
            cache_control: asked.cache_control,
            metadata: asked.metadata.unwrap_or_default(),
            ..Object::new(all(asked.body).await?)
        };
        let e_tag = tag(&object);
        self.write(&asked.bucket, &asked.key, object)?;
        Ok(S3Response::new(PutObjectOutput { e_tag, ..PutObjectOutput::default() }))
    }

    async fn delete_object(&self, asked: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.bucket(&asked.input.bucket)?;
        self.front.shelf.remove(&asked.input.bucket, &asked.input.key);
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn list_objects_v2(&self, asked: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        let asked = asked.input;
        self.bucket(&asked.bucket)?;
        let prefix = asked.prefix.clone().unwrap_or_default();
        let after = asked.continuation_token.clone().or_else(|| asked.start_after.clone()).unwrap_or_default();
        let most = usize::try_from(asked.max_keys.unwrap_or(1000)).unwrap().min(1000);
        let keys = self.front.shelf.keys(&asked.bucket);
        let keys: Vec<String> =
            keys.into_iter().filter(|key| key.starts_with(&prefix) && (after.is_empty() || *key > after)).collect();
        let page = keys.iter().take(most);
        let more = keys.len() > most;
        let contents: Vec<s3s::dto::Object> = page
            .filter_map(|key| self.front.shelf.get(&asked.bucket, key).map(|object| (key, object)))
            .map(|(key, object)| s3s::dto::Object {
                key: Some(key.clone()),
                size: length(object.bytes.len()),
                e_tag: tag(&object),
                last_modified: Some(object.modified.into()),
                ..s3s::dto::Object::default()
            })
            .collect();
        Ok(S3Response::new(ListObjectsV2Output {
            key_count: Some(i32::try_from(contents.len()).unwrap()),
            next_continuation_token: contents.last().filter(|_| more).and_then(|last| last.key.clone()),
            is_truncated: Some(more),
            contents: Some(contents),
            continuation_token: asked.continuation_token,
            max_keys: Some(i32::try_from(most).unwrap()),
            name: Some(asked.bucket),
            prefix: asked.prefix,
            ..ListObjectsV2Output::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        asked: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let asked = asked.input;
        self.bucket(&asked.bucket)?;
        let object = Object {
            content_type: asked.content_type,
            cache_control: asked.cache_control,
            metadata: asked.metadata.unwrap_or_default(),
            ..Object::new(Bytes::new())
        };
        let id = self.front.shelf.open(&asked.bucket, &asked.key, object);
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(asked.bucket),
            key: Some(asked.key),
            upload_id: Some(id),
            ..CreateMultipartUploadOutput::default()
        }))
    }

    async fn upload_part(&self, asked: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let asked = asked.input;
        self.bucket(&asked.bucket)?;
        if !(1..=10_000).contains(&asked.part_number) {
            return Err(s3_error!(InvalidArgument));
        }
        let part = Object::new(all(asked.body).await?);
        let e_tag = tag(&part);
        let kept = self.front.shelf.upload(&asked.bucket, &asked.upload_id, |upload| {
            upload.parts.insert(asked.part_number, part);
        });
        kept.ok_or_else(|| s3_error!(NoSuchUpload))?;
        Ok(S3Response::new(UploadPartOutput { e_tag, ..UploadPartOutput::default() }))
    }

    async fn complete_multipart_upload(
        &self,
        asked: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let asked = asked.input;
        self.bucket(&asked.bucket)?;
        let named = asked.multipart_upload.and_then(|named| named.parts).unwrap_or_default();
        let whole = self.front.shelf.upload(&asked.bucket, &asked.upload_id, |upload| {
            if upload.key == asked.key { self.assemble(upload, &named) } else { Err(s3_error!(NoSuchUpload)) }
        });
        let whole = whole.ok_or_else(|| s3_error!(NoSuchUpload))??;
        let e_tag = tag(&whole);
        self.write(&asked.bucket, &asked.key, whole)?;
        self.front.shelf.close(&asked.bucket, &asked.upload_id);
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(asked.bucket),
            key: Some(asked.key),
            e_tag,
            ..CompleteMultipartUploadOutput::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        asked: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.bucket(&asked.input.bucket)?;
        if !self.front.shelf.close(&asked.input.bucket, &asked.input.upload_id) {
            return Err(s3_error!(NoSuchUpload));
        }
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    async fn list_multipart_uploads(
        &self,
        asked: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let asked = asked.input;
        self.bucket(&asked.bucket)?;
        let most = usize::try_from(asked.max_uploads.unwrap_or(1000)).unwrap().min(1000);
        let after = (asked.key_marker.unwrap_or_default(), asked.upload_id_marker.unwrap_or_default());
        let open = self.front.shelf.open_uploads(&asked.bucket, asked.prefix.as_deref().unwrap_or_default());
        let open: Vec<_> = open.into_iter().filter(|found| after.0.is_empty() || *found > after).collect();
        let more = open.len() > most;
        let page: Vec<_> = open.into_iter().take(most).collect();
        let last = page.last().filter(|_| more).cloned();
        let (next_key_marker, next_upload_id_marker) = last.unzip();
        let named = |(key, id)| MultipartUpload { key: Some(key), upload_id: Some(id), ..MultipartUpload::default() };
        Ok(S3Response::new(ListMultipartUploadsOutput {
            is_truncated: Some(more),
            next_key_marker,
            next_upload_id_marker,
            uploads: Some(page.into_iter().map(named).collect()),
            bucket: Some(asked.bucket),
            prefix: asked.prefix,
            ..ListMultipartUploadsOutput::default()
        }))
    }
}

//! The uploaded file.

codes! {
    area "upload", title "the file", about "A policy's `ladder.select` may refuse a source with codes of its own.";

    EMPTY "upload.empty" (Upload)
        "The file has no bytes." => "Upload it again.";

    NOT_MEDIA "upload.not-media" (Upload)
        "The file is not audio or video in a supported container. Playlists, scripts and pictures are refused too, \
         whatever the name of the file."
            => "Export it as MP4, MOV, MKV, WebM, MP3, M4A, WAV or FLAC.";

    TRUNCATED "upload.truncated" (Upload)
        "Part of the file is missing: it has no index, or the index names packets that are not there."
            => "Upload it again from the source.";

    UNSUPPORTED_CODEC "upload.unsupported-codec" (Upload)
        "A track has a codec that can't be decoded here. The message names the codec."
            => "Export the file as H.264 with AAC.";

    PROTECTED "upload.protected" (Upload)
        "A track is encrypted: the file comes from a shop or a streaming service with copy protection."
            => "Upload a version without protection.";

    DOLBY_VISION "upload.dolby-vision" (Upload)
        "The picture is Dolby Vision without a base that other players can show (profile 5, or one of its kind): its \
         colours would come out green and purple. Profiles 7 and 8 are accepted."
            => "Export the film as HDR10, as Dolby Vision profile 8, or in standard dynamic range.";

    TOO_MANY_CHANNELS "upload.too-many-channels" (Upload)
        "The sound has more than 8 channels, whose places are not known." => "Export it as stereo, 5.1 or 7.1.";

    SUBTITLES "upload.subtitles" (Upload)
        "Subtitles that the policy wants can't be read. The message has the reason."
            => "Save them as SRT or WebVTT in UTF-8, or leave them out.";

    TOO_LARGE "upload.too-large" (Upload)
        "The picture has more pixels than 8192x4320." => "Export it smaller.";

    TOO_MANY_BYTES "upload.too-many-bytes" (Upload)
        "The original is larger than `job.max_original_gib`. It was not downloaded."
            => "Export a smaller file or several parts, or raise the setting.";

    TOO_LONG "upload.too-long" (Upload)
        "The recording is longer than `job.max_media_hours`."
            => "Cut it into parts, or raise the setting.";

    TOO_DEMANDING "upload.too-demanding" (Upload)
        "Reading or encoding the file took more memory or processor time than a file of its size and length may take, or \
         it holds more tracks, chapters or cover pictures than players have a use for. The message has the limit."
            => "Export it again from the source; a file that a program made as it should be stays far below the limits.";

    TOO_SMALL "upload.too-small" (Upload)
        "The picture is less than 16 pixels wide or high." => "Export it larger.";

    ZERO_DURATION "upload.zero-duration" (Upload)
        "The file has no duration, or holds a single moment." => "Upload the whole recording.";

    NO_AUDIO "upload.no-audio" (Upload)
        "The file was declared as audio and has no usable sound." => "Upload it as video, or upload a file with sound.";

    NO_VIDEO "upload.no-video" (Upload)
        "The file was declared as video and has no usable picture."
            => "Upload it as audio, or upload a file with a picture.";

    DAMAGED "upload.damaged" (Upload)
        "The file is complete, but it or more than half of its picture or sound can't be decoded." => "Export it again.";

    NO_MEDIA "upload.no-media" (Upload)
        "Reported by the policies: the file has neither a picture nor sound." => "Upload another file.";
}

"""Video files, read back with PyAV and Pillow."""

from fractions import Fraction

import av
import numpy as np
import pytest
from av.audio.resampler import AudioResampler
from av.error import FFmpegError
from PIL import Image

from data_pipelines.clips import open_clip
from tests.inference.samples import pictures, read_picture, sound_packets, video_properties, write_clip
from thf_jax.errors import InputError
from thf_jax.inference import sound
from thf_jax.inference.sound import Sound, read_sound
from thf_jax.inference.video import check_video_output, open_video, to_uint8, write_video

NTSC = Fraction(30000, 1001)


def decoded(path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm"])
@pytest.mark.parametrize("rate", [Fraction(25), NTSC, Fraction(12), Fraction(2997, 125)])
def test_frames_and_rate_come_back(tmp_path, suffix, rate):
    path, frames = tmp_path / f"out{suffix}", pictures(12, height=48, width=64)
    assert write_video(path, frames, rate) == 12
    if suffix != ".webm":  # which keeps times in whole milliseconds, and thus its rate is a guess
        assert video_properties(path) == (rate, 12, (48, 64))
    with av.open(str(path)) as container:
        times = [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]
    np.testing.assert_allclose(times, [float(index / rate) for index in range(12)], atol=6e-4)
    assert np.abs(decoded(path).astype(int) - frames).mean() < 4


def test_the_length_is_that_of_the_frames(tmp_path):
    write_video(tmp_path / "out.mp4", pictures(30), NTSC)
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.duration * stream.time_base == 30 / NTSC


def test_odd_sides_are_filled_up_by_the_edge(tmp_path):
    frames = pictures(2, height=33, width=47)
    write_video(tmp_path / "out.mp4", frames, 25.0)
    assert video_properties(tmp_path / "out.mp4")[2] == (34, 48)
    assert np.abs(decoded(tmp_path / "out.mp4")[:, :33, :47].astype(int) - frames).mean() < 4


@pytest.mark.parametrize("rate", [Fraction(25), NTSC, Fraction(10)])
def test_a_gif_keeps_colours_and_time(tmp_path, rate):
    frames = pictures(30)
    write_video(tmp_path / "out.gif", frames, rate)
    with Image.open(tmp_path / "out.gif") as gif:
        durations = []
        for index in range(gif.n_frames):
            gif.seek(index)
            durations.append(gif.info["duration"])
            assert np.abs(np.asarray(gif.convert("RGB")).astype(int) - frames[index]).mean() < 4
    ends = np.cumsum(durations) / 1000
    np.testing.assert_allclose(ends, [float(index / rate) for index in range(1, 31)], atol=0.0051)


def test_a_gif_repeats_forever(tmp_path):
    write_video(tmp_path / "out.gif", pictures(3), 25.0)
    with Image.open(tmp_path / "out.gif") as gif:
        assert gif.info["loop"] == 0


def test_a_folder_holds_the_frames_as_they_are(tmp_path):
    frames = pictures(3)
    (tmp_path / "out").mkdir()  # an empty folder may be there already
    write_video(tmp_path / "out", frames, 25.0)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["000000.png", "000001.png", "000002.png"]
    for name, frame in zip(names, frames, strict=True):
        np.testing.assert_array_equal(read_picture(tmp_path / "out" / name), frame)


@pytest.mark.parametrize("name", ["out.mp4", "out.gif", "out.webm", "out"])
def test_an_error_on_the_way_leaves_nothing_behind(tmp_path, name):
    with pytest.raises(KeyboardInterrupt), open_video(tmp_path / name, 25.0) as write:
        write(pictures(1)[0])
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_an_error_on_the_way_keeps_what_was_there(tmp_path):
    (tmp_path / "out.mp4").write_text("precious")
    with pytest.raises(RuntimeError), open_video(tmp_path / "out.mp4", 25.0) as write:
        write(pictures(1)[0])
        raise RuntimeError
    assert (tmp_path / "out.mp4").read_text() == "precious"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["out.mp4", "out.gif", "out"])
def test_nothing_appears_before_the_end(tmp_path, name):
    with open_video(tmp_path / name, 25.0) as write:
        for frame in pictures(3):
            write(frame)
        assert not (tmp_path / name).exists()
    assert (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["out.mp4", "out.gif", "out"])
def test_no_frames_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="there was no frame"):
        write_video(tmp_path / name, [], 25.0)
    assert list(tmp_path.iterdir()) == []


def test_no_frames_are_refused_with_sound_too(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", sound="aac")
    with pytest.raises(InputError, match="there was no frame"):
        write_video(tmp_path / "out.mp4", [], 25.0, sound_from=clip)
    assert list(tmp_path.iterdir()) == [clip]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("missing/out.mp4", "there is no folder"),
        ("file/out.mp4", "there is no folder"),
        ("folder.mp4", "it is a folder"),
        ("full", "must be new or empty"),
        ("file", "must be new or empty"),
        ("out.mp3", "of an unknown kind; the nearest is '.mp4'"),
        (".mp4", "is no name of a file or folder"),
        ("full/..", "is no name of a file or folder"),
    ],
)
def test_an_unwritable_path_is_refused(tmp_path, name, sentence):
    for folder in ["folder.mp4", "full"]:
        (tmp_path / folder).mkdir()
    for file in ["file", "full/000000.png"]:
        (tmp_path / file).write_text("")
    with pytest.raises(InputError, match=sentence):
        check_video_output(tmp_path / name, Fraction(25))


@pytest.mark.parametrize("path", ["", ".", "/"])
def test_a_path_without_a_name_is_refused(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)  # empty, so that it could be a folder for frames
    with pytest.raises(InputError, match="is no name of a file or folder"):
        check_video_output(path, Fraction(25))


def test_a_rate_that_a_gif_cannot_play_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"at most 50 frames a second, not 59\.94; write an \.mp4"):
        check_video_output(tmp_path / "out.gif", Fraction(60000, 1001))


@pytest.mark.parametrize("rate", [Fraction(0), Fraction(-25), Fraction(1, 70000), Fraction(10**12), Fraction(1001)])
def test_a_rate_beyond_what_players_count_with_is_refused(tmp_path, rate):
    with pytest.raises(InputError, match=r"a video has 0\.01 to 1,000 frames a second, not "):
        check_video_output(tmp_path / "out.mp4", rate)


@pytest.mark.parametrize("rate", [Fraction(1, 100), Fraction(1000)])
@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_the_outermost_rates_can_be_written(tmp_path, rate, suffix):
    path = tmp_path / f"out{suffix}"
    write_video(path, pictures(3), rate)
    with av.open(str(path)) as container:
        assert [frame.pts * frame.time_base for frame in container.decode(video=0)] == [0, 1 / rate, 2 / rate]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm"])
def test_colours_are_those_that_the_file_names(tmp_path, suffix):
    """Else players take large pictures for BT.709 and small ones for BT.601."""
    colour = (200, 60, 30)
    write_video(tmp_path / f"out{suffix}", [np.full((64, 64, 3), colour, np.uint8)] * 3, 25.0)
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.colorspace, codec.color_primaries, codec.color_trc, codec.color_range) == (1, 1, 1, 1)
        planes = next(container.decode(video=0)).to_ndarray(format="yuv420p")
    red, green, blue = np.array(colour) / 255
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue  # ITU-R BT.709
    expected = [16 + 219 * luma, 128 + 224 * (blue - luma) / 1.8556, 128 + 224 * (red - luma) / 1.5748]
    found = [planes[:64].mean(), planes[64:80].mean(), planes[80:].mean()]
    np.testing.assert_allclose(found, expected, atol=1)
    shown = next(open_clip(tmp_path / f"out{suffix}").frames())
    np.testing.assert_allclose(shown.astype(int), np.broadcast_to(colour, (64, 64, 3)), atol=3)


@pytest.mark.parametrize(
    ("clip", "video", "codec", "out"),
    [("clip.mp4", "libx264", "aac", "out.mp4"), ("clip.mp4", "libx264", "aac", "out.mov"),
     ("clip.webm", "libvpx-vp9", "libopus", "out.webm")],
)  # fmt: skip
def test_sound_is_copied_packet_for_packet(tmp_path, clip, video, codec, out):
    sampling = 48_000 if codec == "libopus" else 44_100
    source = write_clip(tmp_path / clip, count=25, rate=NTSC, video=video, sound=codec, sampling=sampling)
    write_video(tmp_path / out, pictures(25), NTSC, sound_from=source)
    assert sound_packets(tmp_path / out) == sound_packets(source)


@pytest.mark.parametrize(
    ("clip", "video", "codec", "out", "expected"),
    [
        ("clip.webm", "libvpx-vp9", "libopus", "out.mp4", "aac"),
        ("clip.mp4", "libx264", "aac", "out.webm", "opus"),
        ("clip.mkv", "libx264", "pcm_s16le", "out.mp4", "aac"),
    ],
)
def test_sound_that_the_container_cannot_hold_is_encoded_anew(tmp_path, clip, video, codec, out, expected):
    source = write_clip(tmp_path / clip, count=25, video=video, sound=codec, sampling=48_000)
    write_video(tmp_path / out, pictures(25), 25.0, sound_from=source)
    with av.open(str(tmp_path / out)) as container:
        (stream,) = container.streams.audio
        assert stream.codec_context.name.removeprefix("lib") == expected
        chunks = [frame.to_ndarray().mean(axis=0) for frame in container.decode(stream)]
    tone = np.concatenate(chunks)[: 48_000 * 9 // 10]
    loudest = np.argmax(np.abs(np.fft.rfft(tone))) * 48_000 / len(tone)
    assert loudest == pytest.approx(440, abs=3)


def test_sound_of_a_rate_that_the_encoder_lacks_is_resampled(tmp_path):
    source = write_clip(tmp_path / "clip.mkv", count=5, sound="flac", sampling=192_000)
    write_video(tmp_path / "out.mp4", pictures(5), 25.0, sound_from=source)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.audio[0].rate == 48_000


def test_sound_ends_with_the_pictures(tmp_path):
    source = write_clip(tmp_path / "clip.mp4", count=50, sound="aac")
    write_video(tmp_path / "out.mp4", pictures(20), 25.0, sound_from=source)
    _, packets = sound_packets(tmp_path / "out.mp4")
    assert packets == sound_packets(source)[1][: len(packets)]
    assert packets[-1][0] / 44_100 < 20 / 25 <= (packets[-1][0] + 1024) / 44_100


def test_sound_keeps_step_with_pictures_that_begin_late(tmp_path):
    """A clip cut out of a longer one may begin at another time than 0."""
    for name, begin in [("a", 0), ("b", 2)]:
        clip = write_clip(tmp_path / f"{name}.mkv", count=25, sound="aac", begin=begin)
        write_video(tmp_path / f"{name}.mp4", pictures(25), 25.0, sound_from=clip)
    with av.open(str(tmp_path / "b.mkv")) as container:
        assert container.streams.video[0].start_time == 2000  # milliseconds: the clip does begin late
    first, second = sound_packets(tmp_path / "a.mp4")[1], sound_packets(tmp_path / "b.mp4")[1]
    assert [data for _, data in first] == [data for _, data in second]
    np.testing.assert_allclose([time for time, _ in first], [time for time, _ in second], atol=45)  # 1 ms, mkv's unit


@pytest.mark.parametrize("name", ["out.gif", "out"])
def test_what_has_no_sound_ignores_it(tmp_path, name):
    source = write_clip(tmp_path / "clip.mp4", sound="aac")
    assert write_video(tmp_path / name, pictures(3), 25.0, sound_from=source) == 3


def test_a_silent_clip_gives_a_silent_video(tmp_path):
    source = write_clip(tmp_path / "clip.mp4")
    write_video(tmp_path / "out.mp4", pictures(3), 25.0, sound_from=source)
    assert sound_packets(tmp_path / "out.mp4") is None


def test_bytes_are_rounded_and_clipped():
    image = np.array([-0.1, 0.0, 0.5, 127.4 / 255, 127.6 / 255, 1.0, 1.2], np.float32)
    image = np.tile(image[None, :, None], (1, 1, 3))
    np.testing.assert_array_equal(to_uint8(image)[0, :, 0], [0, 0, 128, 127, 128, 255, 255])


def with_second_sound(path, first, second):
    """A clip whose first sound is of an encoder by that name and whose second sound is another tone's."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        sounds = [container.add_stream(codec, rate=48_000, layout="mono") for codec in (first, second)]
        for picture in pictures(25):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        for stream in sounds:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


def test_sound_without_a_decoder_is_passed_over(tmp_path):
    clip = with_second_sound(tmp_path / "clip.mkv", "flac", "aac")
    content = clip.read_bytes()
    assert content.count(b"A_FLAC") == 1
    clip.write_bytes(content.replace(b"A_FLAC", b"A_NONE"))
    with av.open(str(clip)) as container:
        assert [stream.codec_context is None for stream in container.streams.audio] == [True, False]
    write_video(tmp_path / "out.mp4", pictures(25), 25.0, sound_from=clip)
    copied = sound_packets(tmp_path / "out.mp4")
    assert copied is not None and copied[0] == "aac" and len(copied[1]) > 40
    assert len(read_sound(clip, 16_000)) > 15_000


def test_a_clip_whose_only_sound_has_no_decoder_gives_a_silent_video(tmp_path):
    clip = write_clip(tmp_path / "clip.mkv", count=5, sound="flac")
    clip.write_bytes(clip.read_bytes().replace(b"A_FLAC", b"A_NONE"))
    write_video(tmp_path / "out.mp4", pictures(5), 25.0, sound_from=clip)
    assert sound_packets(tmp_path / "out.mp4") is None
    with pytest.raises(InputError, match="has no sound"):
        read_sound(clip, 16_000)


def test_names_in_a_clip_that_are_not_utf8_do_not_matter(tmp_path):
    clip = write_clip(tmp_path / "clip.mkv", count=5, sound="aac")
    content = clip.read_bytes()
    assert b"ENCODER" in content
    clip.write_bytes(content.replace(b"ENCODER", b"ENC\xff\xfe\xfdR"))
    with pytest.raises(UnicodeDecodeError):
        av.open(str(clip))
    write_video(tmp_path / "out.mp4", pictures(5), 25.0, sound_from=clip)
    assert sound_packets(tmp_path / "out.mp4") is not None
    assert len(read_sound(clip, 16_000)) > 3000


@pytest.mark.parametrize("out", ["out.mp4", "out.webm"])
def test_a_damaged_packet_is_a_gap_in_the_sound(tmp_path, capsys, out):
    clip = write_clip(tmp_path / "clip.mkv", count=50, sound="flac", sampling=48_000)
    _, packets = sound_packets(clip)
    content, (_, data) = clip.read_bytes(), packets[10]
    clip.write_bytes(content.replace(data, bytes(len(data))))
    write_video(tmp_path / out, pictures(50), 25.0, sound_from=clip)
    assert capsys.readouterr().err == f"{clip}: damaged sound is left out (1 packet)\n"
    with av.open(str(tmp_path / out)) as container:
        stream = container.streams.audio[0]
        frames = [(float(frame.pts * stream.time_base), frame.to_ndarray()) for frame in container.decode(stream)]
    ends = [time + samples.shape[1] / 48_000 for time, samples in frames]
    assert frames[-1][0] == pytest.approx(2, abs=0.1), "what follows stands where it stood"
    gaps = [after[0] - end for end, after in zip(ends, frames[1:], strict=False)]
    assert max(gaps) == pytest.approx(4608 / 48_000, abs=0.03)


def test_mp3_is_copied_although_its_decoder_has_another_name(tmp_path):
    source = write_clip(tmp_path / "clip.mp4", count=25, sound="libmp3lame")
    write_video(tmp_path / "out.mp4", pictures(25), 25.0, sound_from=source)
    assert sound_packets(tmp_path / "out.mp4") == sound_packets(source)
    assert sound_packets(source)[0] == "mp3float"


def test_a_list_of_other_files_gives_no_sound(tmp_path):
    secret = write_clip(tmp_path / "secret.mp4", count=5, sound="aac")
    (tmp_path / "evil.mp4").write_text(f"ffconcat version 1.0\nfile {secret.name}\n")
    with pytest.raises(InputError, match="cannot be read as sound"):
        read_sound(tmp_path / "evil.mp4", 16_000)
    write_video(tmp_path / "out.mp4", pictures(5), 25.0, sound_from=tmp_path / "evil.mp4")
    assert sound_packets(tmp_path / "out.mp4") is None


@pytest.mark.parametrize("name", ["clip.gif", "clip.png", "clip.jpg", "clip.webp"])
def test_a_picture_that_drives_has_no_sound(tmp_path, name):
    Image.fromarray(np.concatenate(pictures(3), axis=1)).save(tmp_path / name)
    write_video(tmp_path / "out.mp4", pictures(3), 25.0, sound_from=tmp_path / name)
    assert sound_packets(tmp_path / "out.mp4") is None


def test_a_missing_clip_is_not_a_silent_one(tmp_path):
    with pytest.raises(FFmpegError):
        write_video(tmp_path / "out.mp4", pictures(3), 25.0, sound_from=tmp_path / "clip.mp4")


def test_sound_is_read_without_holding_all_that_is_decoded(tmp_path, monkeypatch):
    """Else damage at the end would be met before anything is resampled."""
    clip = write_clip(tmp_path / "clip.mkv", count=50, sound="flac")
    _, packets = sound_packets(clip)
    clip.write_bytes(clip.read_bytes().replace(packets[-1][1], bytes(len(packets[-1][1]))))
    resampled = []

    class Resampler:
        def __init__(self, **options):
            self.inner = AudioResampler(**options)

        def resample(self, frame):
            resampled.append(frame.samples)
            return self.inner.resample(frame)

    monkeypatch.setattr(sound, "AudioResampler", Resampler)
    with pytest.raises(InputError, match="cannot be read as sound"):
        read_sound(clip, 16_000)
    assert len(resampled) == len(packets) - 1


def test_ten_minutes_of_sound_is_handed_over_in_step():
    """One call a picture: what is held back between two calls must not pile up."""
    packets = []
    for second in range(600):
        packet = av.Packet(b"")
        packet.pts, packet.time_base = second, Fraction(1)
        packets.append(packet)
    handed_over, count = Sound(iter(packets)), 0
    for picture in range(1, 600 * 25 + 1):
        count += len(list(handed_over.until(Fraction(picture, 25))))
        assert count == -(-picture // 25)

-- Which rotation brought a version: asked before a sign-in with one that was sent.
CREATE INDEX rotation_candidate ON rotation (candidate);

-- What a clock said that was ahead of the present one when an attempt was looked at or written: either that one was wrong, or
-- the present one is. Empty where no clock was put back.
ALTER TABLE attempt ADD COLUMN noted_at TEXT;

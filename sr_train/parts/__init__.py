"""Parts that training methods share: functions, no base class."""

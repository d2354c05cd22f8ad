"""Pure law: dated rules, calendars, deadlines. No clock, no database; values in, values out."""

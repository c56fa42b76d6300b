"""The application database: tables, migrations, unit of work, and functions per topic that never commit."""

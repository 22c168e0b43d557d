-- Version 3: leads without indices of their own. Keeping two of them cost a new lead more than its row; what they answered
-- (one tier, one job) is asked by people, now and then, and a walk over a million leads takes a fraction of a second.
DROP INDEX leads_rank;
DROP INDEX leads_job;

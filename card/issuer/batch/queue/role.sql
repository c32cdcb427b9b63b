-- What the service's role needs of the queue of campaigns. Run it as the owner, after the first `sceau worker` made the tables
-- and after each update of the program. The queue holds no person and no card: it may be emptied at any time.

GRANT USAGE ON SCHEMA sceau_queue TO sceau_service;
GRANT SELECT ON ALL TABLES IN SCHEMA sceau_queue TO sceau_service;
GRANT INSERT, UPDATE, DELETE ON sceau_queue.river_job, sceau_queue.river_queue, sceau_queue.river_leader, sceau_queue.river_notification TO sceau_service;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA sceau_queue TO sceau_service;
